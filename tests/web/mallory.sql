-- What an operator does whose name, question and reason are those of somebody who tries.
select status from postai.answer('how many "><script>alert(50)</script> are there?');
select postai.dismiss(max(id), '"><script>alert(51)</script>') from postai.proposals where state = 'open' and kind <> 'migrate';
